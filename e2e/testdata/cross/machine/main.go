package main

func main() { println("machine") }
