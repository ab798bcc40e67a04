package main

import "example.test/word"

func main() { println(word.Word) }
