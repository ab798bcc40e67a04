module example.test/stamped

go 1.21
