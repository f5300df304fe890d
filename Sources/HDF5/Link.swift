/// A name in a group.
public struct Link: Hashable, Sendable {
  /// What a name stands for. Only hard links are followed to find out.
  public enum Kind: Hashable, Sendable {
    /// A hard link to a group.
    case group
    /// A hard link to a dataset.
    case dataset
    /// A hard link to a type.
    case namedType
    /// A path in the same file, which may lead nowhere or in a circle.
    case softLink
    /// A path in another file.
    case externalLink
    /// Any other.
    case other
  }

  /// The name, with invalid UTF-8 repaired; a repaired name opens nothing.
  public let name: String
  /// What it stands for.
  public let kind: Kind
}
