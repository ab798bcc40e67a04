package main

func main() { println("single") }
