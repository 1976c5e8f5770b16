using Google.Protobuf;
using Grpc.Core;

namespace Berth.Tests.Integration.BadInput;

/// <summary>A call that cannot work.</summary>
/// <param name="Why">What is wrong with it.</param>
/// <param name="Request">The request.</param>
/// <param name="Code">How it is refused.</param>
/// <param name="Says">What the message names: the field or the object, and what helps.</param>
internal sealed record BadCall(string Why, IMessage Request, StatusCode Code, params string[] Says);
