package main

func main() { println("targetarch") }
