using System.Reflection;
using System.Reflection.Emit;
using Berth.Abstractions;

namespace Berth.Tests.Unit.Plugins;

/// <summary>What a plugin made for a test does.</summary>
public enum EmittedKind
{
    /// <summary>Its handler says in its check: not ready, "nothing behind it".</summary>
    Good,

    /// <summary>The same; but its handler never answers to ListOwned.</summary>
    HangsInList,

    /// <summary>Its handler's checks answer what <see cref="EmittedPlugin.Answers"/> says.</summary>
    ChecksAsTold,
    ThrowsInConstructor,

    /// <summary>Its constructor waits until as many others are there as <see cref="EmittedPlugin.Meeting"/> has participants.</summary>
    MeetsInConstructor,
    ThrowsInCreate,
    RefusesInCreate,
    TwoEntries,
    NoEntry,
    NotAnAssembly,
}

/// <summary>Writes plugin folders with real assemblies, a few instructions each.</summary>
internal static class EmittedPlugin
{
    /// <summary>The name of the application domain's value that holds the <see cref="Barrier"/>.</summary>
    public const string Meeting = "Berth.Tests.Unit.Meeting";

    /// <summary>The name of the value that holds the function which answers to checks.</summary>
    public const string Answers = "Berth.Tests.Unit.Answers";

    public static string Write(TempFolder folder, string id, EmittedKind kind, string handlers = "{}")
    {
        var assembly = $"Emitted.{id}.dll";
        folder.Write($"{id}/plugin.json", $$"""
            { "id": "{{id}}", "version": "1.0.0", "contract": { "min": "1.0", "max": "1.0" }, "assembly": "{{assembly}}", "isolation": "in-process", "handlers": {{handlers}} }
            """);
        var path = Path.Combine(folder.Path, id, assembly);
        if (kind == EmittedKind.NotAnAssembly)
        {
            File.WriteAllText(path, "not an assembly");
        }
        else
        {
            Emit(path, $"Emitted.{id}", kind);
        }

        return Path.Combine(folder.Path, id);
    }

    private static void Emit(string path, string name, EmittedKind kind)
    {
        var assembly = new PersistedAssemblyBuilder(new AssemblyName(name), typeof(object).Assembly);
        var module = assembly.DefineDynamicModule(name);
        var handler = Implement(module, "Handler", typeof(IRuntimeHandler), TypeAttributes.NotPublic, (method, il) =>
        {
            if (kind == EmittedKind.ChecksAsTold && method.Name == nameof(IRuntimeHandler.CheckAsync))
            {
                Answer(il);
            }
            else if (method.Name == nameof(IRuntimeHandler.CheckAsync))
            {
                ThrowUnavailable(il, "nothing behind it");
            }
            else if (kind == EmittedKind.HangsInList && method.Name == nameof(IRuntimeHandler.ListOwnedAsync))
            {
                ReturnNever(il, typeof(TaskCompletionSource<IReadOnlyList<OwnedObject>>));
            }

            ReturnDefault(method, il);
        });
        var constructor = handler.GetConstructor(Type.EmptyTypes)!;
        for (var i = 0; i < kind switch { EmittedKind.NoEntry => 0, EmittedKind.TwoEntries => 2, _ => 1 }; i++)
        {
            Implement(module, $"Entry{i}", typeof(IRuntimePlugin), TypeAttributes.Public, (_, il) => Create(il, kind, constructor), kind);
        }

        assembly.Save(path);
    }

    private static void Create(ILGenerator il, EmittedKind kind, ConstructorInfo handler)
    {
        if (kind == EmittedKind.ThrowsInCreate)
        {
            il.ThrowException(typeof(NotImplementedException));
        }
        else if (kind == EmittedKind.RefusesInCreate)
        {
            ThrowUnavailable(il, "an option is wrong");
        }

        il.Emit(OpCodes.Newobj, handler);
        il.Emit(OpCodes.Call, typeof(Task).GetMethod(nameof(Task.FromResult))!.MakeGenericMethod(typeof(IRuntimeHandler)));
        il.Emit(OpCodes.Ret);
    }

    private static Type Implement(
        ModuleBuilder module, string name, Type contract, TypeAttributes visibility, Action<MethodInfo, ILGenerator> body, EmittedKind kind = EmittedKind.Good)
    {
        var type = module.DefineType(name, visibility | TypeAttributes.Class | TypeAttributes.Sealed, typeof(object), [contract]);
        var constructor = type.DefineConstructor(MethodAttributes.Public, CallingConventions.Standard, []).GetILGenerator();
        constructor.Emit(OpCodes.Ldarg_0);
        constructor.Emit(OpCodes.Call, typeof(object).GetConstructor([])!);
        if (kind == EmittedKind.ThrowsInConstructor)
        {
            constructor.ThrowException(typeof(InsufficientMemoryException));
        }
        else if (kind == EmittedKind.MeetsInConstructor)
        {
            Meet(constructor);
        }

        constructor.Emit(OpCodes.Ret);
        foreach (var method in contract.GetInterfaces().Append(contract).SelectMany(static i => i.GetMethods()).Where(static m => m.IsAbstract))
        {
            var parameters = method.GetParameters().Select(static p => p.ParameterType).ToArray();
            var implementation = type.DefineMethod(
                method.Name, MethodAttributes.Public | MethodAttributes.Virtual | MethodAttributes.Final, method.ReturnType, parameters);
            body(method, implementation.GetILGenerator());
        }

        return type.CreateType();
    }

    // ((Barrier)AppDomain.CurrentDomain.GetData(Meeting)).SignalAndWait()
    private static void Meet(ILGenerator il)
    {
        LoadData(il, Meeting, typeof(Barrier));
        il.Emit(OpCodes.Callvirt, typeof(Barrier).GetMethod(nameof(Barrier.SignalAndWait), [])!);
    }

    // return ((Func<Task<HandlerCheck>>)AppDomain.CurrentDomain.GetData(Answers))()
    private static void Answer(ILGenerator il)
    {
        LoadData(il, Answers, typeof(Func<Task<HandlerCheck>>));
        il.Emit(OpCodes.Callvirt, typeof(Func<Task<HandlerCheck>>).GetMethod(nameof(Func<>.Invoke))!);
        il.Emit(OpCodes.Ret);
    }

    private static void LoadData(ILGenerator il, string name, Type type)
    {
        il.Emit(OpCodes.Call, typeof(AppDomain).GetProperty(nameof(AppDomain.CurrentDomain))!.GetMethod!);
        il.Emit(OpCodes.Ldstr, name);
        il.Emit(OpCodes.Callvirt, typeof(AppDomain).GetMethod(nameof(AppDomain.GetData))!);
        il.Emit(OpCodes.Castclass, type);
    }

    // new TaskCompletionSource<T>().Task
    private static void ReturnNever(ILGenerator il, Type source)
    {
        il.Emit(OpCodes.Newobj, source.GetConstructor([])!);
        il.Emit(OpCodes.Callvirt, source.GetProperty(nameof(TaskCompletionSource.Task))!.GetMethod!);
        il.Emit(OpCodes.Ret);
    }

    private static void ThrowUnavailable(ILGenerator il, string message)
    {
        il.Emit(OpCodes.Ldstr, message);
        il.Emit(OpCodes.Ldnull);
        il.Emit(OpCodes.Call, typeof(RuntimeException).GetMethod(nameof(RuntimeException.Unavailable))!);
        il.Emit(OpCodes.Throw);
    }

    private static void ReturnDefault(MethodInfo method, ILGenerator il)
    {
        if (method.ReturnType.IsValueType)
        {
            var local = il.DeclareLocal(method.ReturnType);
            il.Emit(OpCodes.Ldloc, local);
        }
        else
        {
            il.Emit(OpCodes.Ldnull);
        }

        il.Emit(OpCodes.Ret);
    }
}
