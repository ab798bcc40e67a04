// Package progress shows a build's messages to people and programs.
//
// A build has one solve per platform, and each solve reports all of its steps. A [Display] sorts the messages into lanes: one per
// platform, and one for steps that several platforms share, which are shown once ([Shared]). From the lanes it makes, all at the
// same time, the requested forms:
//
//   - [Plain]: lines, each with its lane before it, in the form that BuildKit's own plain display has ("#5 DONE 0.3s");
//   - [TTY]: a block per lane on a terminal, redrawn in place;
//   - [RawJSON]: BuildKit's status messages, one JSON object a line, with every step named and numbered for its lane;
//   - [Quiet]: notes only;
//   - and with [Options.LogDir] a file per lane, whatever the display.
//
// It also keeps facts about each step for the end: when it ran, and the last lines of the output of a failed one.
//
// The package writes to the streams and folders that it is given and reads nothing of the environment; progressui of BuildKit,
// which formats the lines of a lane, reads PROGRESS_NO_TRUNC and TTY_DISPLAY_RATE by itself.
package progress
