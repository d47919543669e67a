// swift-tools-version: 6.2

import PackageDescription

// Strict settings for every target: the newest language rules, and no warning left standing.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "turnup",
    products: [.executable(name: "turnup", targets: ["turnup"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "Postgres",
            dependencies: ["CLibpq", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(name: "WorkflowCore", swiftSettings: strict),
        .target(
            name: "WorkflowFiles",
            dependencies: ["WorkflowCore", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(
            name: "Vault",
            dependencies: ["WorkflowCore", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),
        .target(
            name: "EventStore",
            dependencies: [
                "WorkflowCore", "Postgres", "Vault", .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("SQL")],
            swiftSettings: strict),
        .target(
            name: "HTTPActions",
            dependencies: [
                "WorkflowCore", "Vault",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "Worker",
            dependencies: [
                "WorkflowCore", "EventStore", "HTTPActions", "Vault",
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "Diagnostics",
            dependencies: ["WorkflowCore", "EventStore"],
            swiftSettings: strict),
        .target(
            name: "PlatformSimulator",
            dependencies: [
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(name: "LocalPostgres", swiftSettings: strict),
        .executableTarget(
            name: "turnup",
            dependencies: [
                "WorkflowCore", "WorkflowFiles", "Vault", "Postgres", "EventStore", "HTTPActions", "Worker",
                "Diagnostics", "PlatformSimulator", "LocalPostgres",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("Workflows")],
            swiftSettings: strict),
        .target(
            name: "TestSupport",
            dependencies: ["WorkflowCore", "Vault", "Postgres", "EventStore", "LocalPostgres"],
            swiftSettings: strict),
        .executableTarget(
            name: "Simulation", dependencies: ["WorkflowCore"], path: "Tests/Simulation", exclude: ["regressions.txt"],
            swiftSettings: strict),
        .testTarget(name: "WorkflowCoreTests", dependencies: ["WorkflowCore"], swiftSettings: strict),
        .testTarget(
            name: "WorkflowFilesTests", dependencies: ["WorkflowFiles", "WorkflowCore"], exclude: ["Corpus"],
            swiftSettings: strict),
        .testTarget(name: "VaultTests", dependencies: ["Vault", "WorkflowCore"], swiftSettings: strict),
        .testTarget(
            name: "PostgresTests", dependencies: ["Postgres", "LocalPostgres", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "LocalPostgresTests", dependencies: ["LocalPostgres"], swiftSettings: strict),
        .testTarget(
            name: "EventStoreTests",
            dependencies: ["EventStore", "WorkflowCore", "Vault", "Postgres", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "HTTPActionsTests",
            dependencies: [
                "HTTPActions", "WorkflowCore", "Vault", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "WorkerTests",
            dependencies: [
                "Worker", "EventStore", "HTTPActions", "Vault", "WorkflowCore", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(name: "PlatformSimulatorTests", dependencies: ["PlatformSimulator"], swiftSettings: strict),
        .testTarget(name: "HouseTests", swiftSettings: strict),
        .testTarget(
            name: "ScenarioTests",
            dependencies: [
                "turnup", "EventStore", "PlatformSimulator", "Postgres", "TestSupport", "Vault", "WorkflowCore",
                "WorkflowFiles",
            ], swiftSettings: strict),
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "ScenarioTests", "EventStoreTests", "turnup", "EventStore", "LocalPostgres", "PlatformSimulator",
                "Postgres", "TestSupport", "Vault", "Worker", "WorkflowCore",
                .product(name: "Logging", package: "swift-log"),
            ], exclude: ["syscall-sweep"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
