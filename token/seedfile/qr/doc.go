// Package qr reads and writes pictures of QR codes (ISO/IEC 18004), as enrolment pages show
// them and phones photograph them.
//
// [Read] finds several codes in one picture, at any angle, dark on light and light on dark, and
// in photographs: skewed, noisy, with little contrast, under uneven light, after JPEG. It tries
// until what looks like a code has been read, in a fixed order and a bounded number of
// attempts; the test of it says what it must read. Finding corner patterns among many and
// making the picture black and white is done here, because the finder of gozxing takes
// time without bound for a picture full of patterns; sampling and decoding are gozxing's.
//
// A picture is an argument: whoever opens the file bounds its bytes before it is unpacked.
// A QR code of a seed is the seed; nothing here prints what it read.
//
// Not implemented: Micro QR, rMQR, codes that continue in another (structured append).
package qr
