package main

func main() { println("differs") }
