if(i.partial > 0 and i.partial < i.balance, i.partial, 0)
