package main

var version, file string

func main() { println("stamped", version, file) }
