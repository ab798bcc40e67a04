package main

func main() { println("author") }
