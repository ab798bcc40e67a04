package main

func main() { println("onbuild") }
