#!/bin/sh
# Says what this image was built for, what runs it now, and when and on what kind of machine it was built.
# shellcheck disable=SC1091,SC2154 # the image has that file, and it sets the words below
. /etc/hello
echo "hello from $platform (uname: $(uname -m)), built $built on $machine"
