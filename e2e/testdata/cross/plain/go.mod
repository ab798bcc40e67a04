module example.test/plain

go 1.21
