/// The order of a number's bytes in a file or in memory.
public enum ByteOrder: Hashable, Sendable, CaseIterable {
  /// The least significant byte first.
  case little
  /// The most significant byte first.
  case big

  /// The order of this machine.
  public static var native: ByteOrder { 1.littleEndian == 1 ? .little : .big }
}
