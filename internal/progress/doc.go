// Package progress makes a build's messages something that people and programs can read.
//
// A build has one solve a platform, and each solve reports all of its steps. A [Display] sorts the messages into lanes: one a
// platform, and one for what several platforms share, which is shown once ([Shared]). From the lanes it makes, all at the same
// time, what was asked for:
//
//   - [Plain]: lines, each with its lane before it, in the form that BuildKit's own plain display has ("#5 DONE 0.3s");
//   - [TTY]: a block a lane on a terminal, redrawn in place;
//   - [RawJSON]: BuildKit's status messages, one JSON object a line, with every step named and numbered for its lane;
//   - [Quiet]: notes only;
//   - and with [Options.LogDir] a file a lane, whatever the display.
//
// Besides, it keeps of each step what is asked for at the end: when it ran, and the last lines of the output of a failed one.
//
// The package writes to the streams and folders that it is given and reads nothing of the environment; progressui of BuildKit,
// which formats the lines of a lane, reads PROGRESS_NO_TRUNC and TTY_DISPLAY_RATE by itself.
package progress
