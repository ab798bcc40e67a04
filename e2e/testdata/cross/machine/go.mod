module example.test/machine

go 1.21
