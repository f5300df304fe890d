import CHDF5

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
