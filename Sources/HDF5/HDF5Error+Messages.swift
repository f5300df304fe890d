extension HDF5Error.Frame {
  /// The operating system's error number, if the record holds one; the library keeps it nowhere but in its messages.
  var osErrno: Int32? {
    text(after: "errno = ").flatMap { Int32($0.prefix { $0.isASCII && $0.isNumber }) }
  }

  /// The record in one line. One of the operating system's errors, which also tells the time, addresses and sizes, is
  /// shortened to `file write failed: No space left on device`.
  var summary: String {
    if osErrno != nil, let message = text(after: "error message = '") {
      return "\(detail.prefix { $0 != ":" && $0 != "," }): \(message.prefix { $0 != "'" })"
    }
    let text = detail.isEmpty ? description : detail
    return text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// What follows the last `label`; the last, because a path before it may hold anything.
  private func text(after label: String) -> Substring? {
    let start = detail.indices.last { detail[$0...].hasPrefix(label) }
    return start.map { detail[$0...].dropFirst(label.count) }
  }
}
