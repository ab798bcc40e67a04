module example.test/mounts

go 1.21
