module example.test/older

go 1.21
