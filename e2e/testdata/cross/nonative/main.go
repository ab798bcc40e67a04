package main

func main() { println("nonative") }
