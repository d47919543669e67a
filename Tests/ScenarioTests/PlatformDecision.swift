import PlatformSimulator

/// The engine has a type of this name as well; this file sees the platform's only.
typealias PlatformDecision = Decision
