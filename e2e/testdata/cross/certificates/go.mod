module example.test/certificates

go 1.21
