descent trian x.descent
descent m.descent
descent frobnicate
