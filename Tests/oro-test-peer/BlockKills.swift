func blockKills(_ arguments: Arguments) async throws {}
func blockVictim(_ arguments: Arguments) async throws {}
