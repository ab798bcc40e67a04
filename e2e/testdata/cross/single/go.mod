module example.test/single

go 1.21
