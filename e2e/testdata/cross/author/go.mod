module example.test/author

go 1.21
