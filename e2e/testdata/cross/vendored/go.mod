module example.test/vendored

go 1.21

require example.test/word v1.0.0
