module example.test/cgo

go 1.21
