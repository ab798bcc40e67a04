module example.test/targetarch

go 1.21
