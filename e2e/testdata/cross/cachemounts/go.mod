module example.test/cachemounts

go 1.21
