import CHDF5

/// What the HDF5 library, or a check of this wrapper before calling it, refused to do.
public struct HDF5Error: Error, Sendable, Equatable {
  /// One record of the library's error stack: a function that failed, and why.
  public struct Frame: Sendable, Equatable {
    /// The C function that failed, such as `H5FD__sec2_open`.
    public let function: String
    /// The library's description followed by its major and minor message.
    public let description: String
    /// The library's description alone.
    public let detail: String
    /// The line in the library's source.
    public let line: Int

    /// A record of the error stack.
    public init(function: String, description: String, detail: String, line: Int) {
      self.function = function
      self.description = description
      self.detail = detail
      self.line = line
    }
  }

  /// The C function that was called, such as `H5Dopen2`.
  public let function: String
  /// What was attempted, to be read after "cannot", such as `open dataset /conv1/activations`.
  public let attempt: String
  /// The library's error stack, from the function that was called down to the innermost cause; the library keeps 32
  /// records, the innermost first. Empty if this wrapper refused before calling the library.
  public let stack: [Frame]
  /// Why this wrapper refused before calling the library, nil if the library failed.
  public let reason: String?

  /// An error of the library.
  public init(function: String, attempt: String, stack: [Frame]) {
    self.function = function
    self.attempt = attempt
    self.stack = stack
    self.reason = nil
  }

  /// A refusal of this wrapper: `function` is the C function that was not called, `reason` says why.
  public init(function: String, attempt: String, reason: String) {
    self.function = function
    self.attempt = attempt
    self.stack = []
    self.reason = reason
  }

  /// The most telling text, in one line: the wrapper's own reason, else the innermost record that holds an operating
  /// system's error, shortened to what failed and why, else the innermost record. Nil if there is none of these.
  public var cause: String? {
    reason ?? (stack.last { $0.osErrno != nil } ?? stack.last)?.summary
  }

  /// The operating system's error number (28 for a full disk), if the stack names one.
  public var osErrno: Int32? { stack.last { $0.osErrno != nil }?.osErrno }
}

extension HDF5Error: CustomStringConvertible {
  /// One line: `cannot open dataset /conv1/x: object 'x' doesn't exist (H5Dopen2)`.
  public var description: String {
    "cannot \(attempt): \(cause ?? "the library gave no reason") (\(function))"
  }
}

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

extension HDF5Error {
  /// The error of the C function that just failed on this thread, with the library's whole stack.
  ///
  /// The corresponding C function is `H5Ewalk2`.
  static func current(function: StaticString, attempt: String) -> HDF5Error {
    HDF5Error(function: "\(function)", attempt: attempt, stack: takeStack())
  }

  /// Takes this thread's error stack away from the library.
  private static func takeStack() -> [Frame] {
    // A copy, because calling the library while it walks the current stack could clear what it walks over.
    let stack = H5Eget_current_stack()
    guard stack >= 0 else { return [] }
    defer { H5Eclose_stack(stack) }

    var frames: [Frame] = []
    withUnsafeMutablePointer(to: &frames) { pointer in
      _ = H5Ewalk2(
        stack, H5E_WALK_DOWNWARD,
        { _, record, context in
          guard let record, let context else { return 0 }
          context.assumingMemoryBound(to: [Frame].self).pointee.append(Frame(record.pointee))
          return 0
        }, pointer)
    }
    return frames
  }
}

extension HDF5Error.Frame {
  fileprivate init(_ record: H5E_error2_t) {
    let detail = record.desc.map { String(cString: $0) } ?? ""
    let messages = [detail, Self.message(record.maj_num), Self.message(record.min_num)]
    self.init(
      function: record.func_name.map { String(cString: $0) } ?? "",
      description: messages.filter { !$0.isEmpty }.joined(separator: "; "),
      detail: detail,
      line: Int(record.line))
  }

  /// The text of a major or minor error number.
  private static func message(_ identifier: hid_t) -> String {
    let length = H5Eget_msg(identifier, nil, nil, 0)
    guard length > 0 else { return "" }
    var bytes = [CChar](repeating: 0, count: length + 1)
    guard H5Eget_msg(identifier, nil, &bytes, bytes.count) > 0 else { return "" }
    return String(repairing: bytes)
  }
}
