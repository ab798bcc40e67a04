package main

func main() { println("cgo") }
