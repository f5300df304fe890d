/// A place in a text: line and column, both from 1; a column counts Unicode scalars, as editors do.
package struct TextPosition: Sendable, Equatable {
  package var line: Int
  package var column: Int

  /// The place of the byte at `offset`. A line ends with a line feed.
  package init(offset: Int, in bytes: [UInt8]) {
    line = 1
    column = 1
    for byte in bytes.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0b1100_0000 != 0b1000_0000 {  // UTF-8 continuation bytes belong to the scalar before.
        column += 1
      }
    }
  }
}
