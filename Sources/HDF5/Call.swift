import CHDF5

/// The funnel: every fallible function of the library is called through here.
///
/// - Parameters:
///   - function: the C function's name, for the error.
///   - attempt: what is attempted, to be read after "cannot"; evaluated only on failure.
///   - body: calls the function and returns its code; negative is failure, as everywhere in the library.
/// - Returns: the code: an identifier, a count, or a truth value.
/// - Throws: the library's error stack.
@discardableResult
func call<Code: SignedInteger>(
  _ function: StaticString, to attempt: @autoclosure () -> String, _ body: () -> Code
) throws(HDF5Error) -> Code {
  chdf5_silence_errors()
  let code = body()
  guard code >= 0 else { throw .current(function: function, attempt: attempt()) }
  return code
}

/// Throws a refusal of this wrapper's own unless `condition` holds; for what the library would not check.
func require(
  _ condition: Bool, _ function: StaticString, to attempt: @autoclosure () -> String,
  _ reason: @autoclosure () -> String
) throws(HDF5Error) {
  guard condition else {
    throw HDF5Error(function: "\(function)", attempt: attempt(), reason: reason())
  }
}
