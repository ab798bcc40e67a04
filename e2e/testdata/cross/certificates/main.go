package main

func main() { println("certificates") }
