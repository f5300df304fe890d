/// Which object a handle stands for: equal for one object, whichever of its hard links it was opened by.
public struct ObjectAddress: Hashable, Sendable {
  /// The library's number for the open file.
  public let fileNumber: UInt
  /// Where the object's header lies in the file.
  public let offset: UInt64
}
