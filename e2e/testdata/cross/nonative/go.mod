module example.test/nonative

go 1.21
