extension String {
  /// The text up to the first zero byte, with invalid UTF-8 repaired: names in a file may be any bytes.
  init(repairing bytes: some Sequence<CChar>) {
    self.init(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
