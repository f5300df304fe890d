/// Names of files are bytes. A name that is no UTF-8, as `caf\xE9.h5` on a disk from a Latin-1 time, is carried through the program as text
/// in which a character that no name has stands for each byte that is not; only the system and people see it turned back.
extension String {
  /// Bytes 0x80 to 0xFF become characters of this plane, which is for private use.
  private static let plane: UInt32 = 0x10FF00

  private static func byte(of scalar: Unicode.Scalar) -> UInt8? {
    scalar.value >= plane + 0x80 ? UInt8(truncatingIfNeeded: scalar.value) : nil
  }

  /// The text that stands for a name that ends with a zero.
  public init(fileName: UnsafePointer<CChar>) {
    var bytes: [UInt8] = []
    var next = fileName
    while next.pointee != 0 {
      bytes.append(UInt8(bitPattern: next.pointee))
      next += 1
    }
    self.init(fileName: bytes)
  }

  /// The text that stands for a name of these bytes.
  public init(fileName bytes: [UInt8]) {
    // Nearly every name is text, and has no character that stands for a byte: those begin with this one.
    if !bytes.contains(0xF4), let text = String(validating: bytes, as: UTF8.self) {
      self = text
      return
    }
    var text = String.UnicodeScalarView()
    var rest = bytes[...]
    while !rest.isEmpty {
      let length = (1...4).first {
        $0 <= rest.count && String(validating: rest.prefix($0), as: UTF8.self) != nil
      }
      let scalars = length.map { String(decoding: rest.prefix($0), as: UTF8.self).unicodeScalars }
      // A character that stands for a byte is, in a name, four bytes of its own.
      if let scalars, let length, scalars.allSatisfy({ Self.byte(of: $0) == nil }) {
        text.append(contentsOf: scalars)
        rest = rest.dropFirst(length)
      } else {
        text.append(Unicode.Scalar(Self.plane + UInt32(rest.removeFirst()))!)
      }
    }
    self.init(text)
  }

  /// False if a byte of the name that this stands for is no UTF-8.
  public var isFileNameText: Bool {
    !utf8.contains(0xF4) || unicodeScalars.allSatisfy { Self.byte(of: $0) == nil }
  }

  /// The bytes of the name that this stands for.
  public var fileNameBytes: [UInt8] {
    if !utf8.contains(0xF4) { return Array(utf8) }
    return unicodeScalars.flatMap { scalar in Self.byte(of: scalar).map { [$0] } ?? Array(String(scalar).utf8)
    }
  }

  /// Calls `body` with the name that this stands for, as the system takes it.
  public func withFileName<Result, Failure: Error>(
    _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let characters =
      utf8.contains(0xF4) ? ContiguousArray(fileNameBytes.map { CChar(bitPattern: $0) } + [0]) : utf8CString
    return try characters.withUnsafeBufferPointer { (buffer) throws(Failure) in try body(buffer.baseAddress!)
    }
  }

  /// The text with bytes that are no UTF-8 as `\xE9`: for files and for programs.
  public var legible: String { legible(escape: "\\") }

  /// The same with another text for the backslash.
  public func legible(escape: String) -> String {
    isFileNameText ? self : rewritten { Self.byte(of: $0).map { escape + Self.escape($0).dropFirst() } }
  }

  /// The text for people: beside such bytes, what a terminal would obey or hide, as `\x1B`, and as `\u{202E}` what turns the direction of
  /// writing.
  public var shown: String {
    // Nearly every text is shown as it is: none of these characters begins with another byte.
    if utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != 0xC2 && $0 != 0xD8 && $0 != 0xE2 && $0 != 0xF4 }) {
      return self
    }
    return rewritten { scalar in
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0: Self.escape(UInt8(scalar.value))
      case 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069:
        "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
      default: Self.byte(of: scalar).map(Self.escape)
      }
    }
  }

  /// Several lines, each as ``shown``.
  public var shownLines: String {
    utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(Substring($0)).shown }.joined(separator: "\n")
  }

  private static func escape(_ byte: UInt8) -> String {
    "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
  }

  private func rewritten(_ replacement: (Unicode.Scalar) -> String?) -> String {
    var text = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if let other = replacement(scalar) {
        text.append(contentsOf: other.unicodeScalars)
      } else {
        text.append(scalar)
      }
    }
    return String(text)
  }
}

extension CommandLine {
  /// The arguments, each as text that stands for its bytes.
  public static let fileNameArguments: [String] = (0..<Int(argc)).compactMap { index in
    unsafeArgv[index].map { String(fileName: $0) }
  }
}
