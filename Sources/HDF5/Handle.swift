import CHDF5
import CSupervision
import Synchronization

/// The one owner of an identifier of the library; closes it when released.
///
/// Sendable because the library's thread-safe build (checked by ``HDF5Library/prepare()``) holds one global lock in every
/// call, and because it never gives out an identifier twice: one that was closed meanwhile is refused.
final class Handle: Sendable {
  /// What an identifier stands for, and so how it is closed.
  enum Kind: Sendable {
    case file, group, dataset, datatype, dataspace, propertyList, attribute

    fileprivate var closing: (name: StaticString, function: (hid_t) -> herr_t) {
      switch self {
      case .file: ("H5Fclose", H5Fclose)
      case .group: ("H5Gclose", H5Gclose)
      case .dataset: ("H5Dclose", H5Dclose)
      case .datatype: ("H5Tclose", H5Tclose)
      case .dataspace: ("H5Sclose", H5Sclose)
      case .propertyList: ("H5Pclose", H5Pclose)
      case .attribute: ("H5Aclose", H5Aclose)
      }
    }
  }

  private static let closed: hid_t = -1

  private let kind: Kind
  private let value: Atomic<hid_t>

  /// Takes over what `body` opens.
  ///
  /// - Throws: the library's error, if `body` returns a negative identifier.
  init(
    _ kind: Kind, _ function: StaticString, to attempt: @autoclosure () -> String, _ body: () -> hid_t
  ) throws(HDF5Error) {
    self.kind = kind
    self.value = Atomic(try call(function, to: attempt(), body))
  }

  deinit { try? close(to: "") }

  /// The identifier; negative, which every function refuses, once closed.
  var identifier: hid_t { value.load(ordering: .acquiring) }

  var isOpen: Bool { identifier >= 0 }

  /// Closes the identifier now; nothing happens if it is closed already.
  ///
  /// - Throws: if closing fails. The identifier is never tried again: the library has by then freed part of what it
  ///   stands for, and a second try can succeed as if all were written.
  func close(to attempt: @autoclosure () -> String) throws(HDF5Error) {
    let identifier = value.exchange(Self.closed, ordering: .acquiringAndReleasing)
    guard identifier >= 0 else { return }
    try call(kind.closing.name, to: attempt()) { kind.closing.function(identifier) }
  }

  /// Forgets the identifier without closing it.
  func abandon() { value.store(Self.closed, ordering: .releasing) }
}

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
  let code = noted(function, body)
  guard code >= 0 else { throw .current(function: function, attempt: attempt()) }
  return code
}

/// Calls the library while whoever watches this process knows the function's name: see `CSupervision`.
func noted<Result>(_ function: StaticString, _ body: () -> Result) -> Result {
  supervision_enter(UnsafeRawPointer(function.utf8Start).assumingMemoryBound(to: CChar.self))
  defer { supervision_leave() }
  return body()
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
