module example.test/onbuild

go 1.21
