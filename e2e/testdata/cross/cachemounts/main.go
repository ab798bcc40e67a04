package main

func main() { println("cachemounts") }
