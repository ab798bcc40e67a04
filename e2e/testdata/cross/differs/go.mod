module example.test/differs

go 1.21
