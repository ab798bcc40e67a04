module example.test/tested

go 1.21
