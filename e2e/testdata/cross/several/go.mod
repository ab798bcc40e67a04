module example.test/several

go 1.21
