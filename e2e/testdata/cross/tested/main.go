package main

func main() { println("tested") }
