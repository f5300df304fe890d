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
